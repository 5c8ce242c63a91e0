/**
 * The compiler of `npm run dev`. It watches the sources and compiles what changes into `dist/`, as `npm run build` does.
 * A file with an error is not written: `dist/` keeps its last good version.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import ts from 'typescript';
import { isBuilt, sourceFingerprint, stampBuild } from '../build-stamp.mjs';

/** The result of one compilation. Paths are relative to the root of the repository. */
export interface Compilation {
  /** `programs`: what the programs import. It comes first, because services wait for it. `rest`: all other sources. */
  part: 'programs' | 'rest';
  /** The sources of this part whose JavaScript has changed in `dist/`. A new comment counts, a new type does not. */
  changed: string[];
  /** The sources of this part with errors. An error of the configuration belongs to `tsconfig.build.json`. */
  faulty: string[];
  /** All errors of this part, for a terminal. Empty if there is none. */
  errors: string;
  /** Each program, with the sources that it imports, directly or not, and itself. */
  imports: Record<string, string[]>;
}

/** What to watch. */
export interface CompilerOptions {
  root: string;
  /** The sources of the programs, relative to the root. One that does not exist is left out. */
  programs: string[];
  colour: boolean;
  onCompiled: (compilation: Compilation) => void;
}

/** Also the name of an error's place if the error is in no source. */
export const configFile = 'tsconfig.build.json';
/** Milliseconds between the two parts. Meanwhile the services restart. */
const restAfterMs = 2_000;

/**
 * Compiles now, and again whenever a source changes. A change ends the wait for the second part, and its compilation. The
 * watchers keep the thread alive until somebody ends it.
 */
export function watchSources({ root, programs, colour, onCompiled }: CompilerOptions): void {
  const ignore = () => undefined; // errors of the configuration come again with the program
  const host = ts.createWatchCompilerHost(
    join(root, configFile),
    undefined,
    ts.sys,
    ts.createSemanticDiagnosticsBuilderProgram,
    ignore,
    ignore,
    { excludeDirectories: ['node_modules', 'dist', '.signet', '.git'].map((folder) => join(root, folder)) },
  );
  /** The compiler keeps the object of a source as long as its text is the same. */
  const written = new WeakSet<ts.SourceFile>();
  let known: string[] | undefined;
  let rest: NodeJS.Timeout | undefined;

  host.afterProgramCreate = (builder) => {
    clearTimeout(rest);
    const program = builder.getProgram();
    const sources = program
      .getSourceFiles()
      .filter((file) => !file.isDeclarationFile && !program.isSourceFileFromExternalLibrary(file));
    if (known === undefined && isBuilt(root)) for (const source of sources) written.add(source);
    const names = sources.map(({ fileName }) => fileName);
    for (const name of known ?? []) if (!names.includes(name)) removeOutput(root, name);
    known = names;

    const importsOf = importGraph(program);
    const existing = programs.filter((path) => names.includes(join(root, path)));
    const imports = new Map(existing.map((path) => [path, importsOf(join(root, path))]));
    const imported = new Set([...imports.values()].flatMap((files) => [...files]));
    const shorten = (files: Iterable<string>) => [...files].map((file) => relative(root, file));
    /** Writes the good sources of a part, and reports it. Returns how many sources have errors. */
    const finish = (part: Compilation['part'], files: ts.SourceFile[], diagnostics: ts.Diagnostic[]) => {
      const errors = diagnostics.filter(({ category }) => category === ts.DiagnosticCategory.Error);
      const faulty = new Set(errors.map(({ file }) => file?.fileName ?? join(root, configFile)));
      const changed = files.filter((source) => {
        if (written.has(source) || faulty.has(source.fileName)) return false;
        written.add(source);
        return write(program, source);
      });
      onCompiled({
        part,
        changed: shorten(changed.map(({ fileName }) => fileName)),
        faulty: shorten(faulty),
        errors: format(root, errors, colour),
        imports: Object.fromEntries([...imports].map(([path, found]) => [path, shorten(found)])),
      });
      return faulty.size;
    };

    const [first, others] = split(sources, ({ fileName }) => imported.has(fileName));
    const faults = finish('programs', first, [
      ...builder.getConfigFileParsingDiagnostics(),
      ...builder.getOptionsDiagnostics(),
      ...builder.getGlobalDiagnostics(),
      ...errorsOf(builder, first),
    ]);
    const isNewest = () => known === names;
    const compileRest = async () => {
      const errors: ts.Diagnostic[] = [];
      for (const source of others) {
        await setImmediate(); // the watchers report a change here
        if (!isNewest()) return;
        errors.push(...errorsOf(builder, [source]));
      }
      if (faults + finish('rest', others, errors) === 0) stampIfCurrent(root, sources);
    };
    rest = setTimeout(() => void compileRest(), restAfterMs);
  };
  ts.createWatchProgram(host);
}

/** The diagnostics of these sources. Only what a change can affect is checked again. */
function errorsOf(builder: ts.SemanticDiagnosticsBuilderProgram, sources: ts.SourceFile[]): ts.Diagnostic[] {
  const isOther = (file: ts.SourceFile) => !sources.includes(file);
  while (builder.getSemanticDiagnosticsOfNextAffectedFile(undefined, isOther)); // forgets what is out of date
  return sources.flatMap((source) => [
    ...builder.getSyntacticDiagnostics(source),
    ...builder.getSemanticDiagnostics(source),
  ]);
}

function split<T>(items: readonly T[], isFirst: (item: T) => boolean): [T[], T[]] {
  return [items.filter(isFirst), items.filter((item) => !isFirst(item))];
}

/** Writes the JavaScript of a source and its source map. Returns whether the JavaScript has changed. */
function write(program: ts.Program, source: ts.SourceFile): boolean {
  let changed = false;
  program.emit(source, (file, text) => {
    if (ts.sys.readFile(file) === text) return;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    changed ||= !file.endsWith('.map');
  });
  return changed;
}

function removeOutput(root: string, source: string): void {
  const output = join(root, 'dist', relative(root, source)).replace(/ts$/, 'js');
  for (const file of [output, `${output}.map`]) rmSync(file, { force: true });
}

/**
 * Makes a function that finds the sources that a source imports, directly or not, and itself. The compiler's own
 * `getAllDependencies` is not good for this: it follows `declare module '#trust/nest'` from one service to all others.
 */
function importGraph(program: ts.Program): (start: string) => Set<string> {
  const options = program.getCompilerOptions();
  const cache = ts.createModuleResolutionCache(program.getCurrentDirectory(), (file) => file, options);
  const direct = new Map<string, string[]>();
  const readImports = (path: string) => {
    const source = program.getSourceFile(path);
    const { importedFiles } = ts.preProcessFile(source?.text ?? '', true, true);
    return importedFiles.flatMap(({ fileName: name }) => {
      if (!/^[.#]/.test(name)) return []; // a package
      const mode = source?.impliedNodeFormat;
      const { resolvedModule } = ts.resolveModuleName(name, path, options, ts.sys, cache, undefined, mode);
      return resolvedModule ? [resolvedModule.resolvedFileName] : [];
    });
  };
  return (start) => {
    const found = new Set([start]);
    for (const path of found) {
      const imports = direct.get(path) ?? readImports(path);
      direct.set(path, imports);
      for (const each of imports) found.add(each);
    }
    return found;
  };
}

function format(root: string, diagnostics: ts.Diagnostic[], colour: boolean): string {
  const host: ts.FormatDiagnosticsHost = {
    getCurrentDirectory: () => root,
    getCanonicalFileName: (file) => file,
    getNewLine: () => '\n',
  };
  const formatted = colour
    ? ts.formatDiagnosticsWithColorAndContext(diagnostics, host)
    : ts.formatDiagnostics(diagnostics, host);
  return formatted.trimEnd();
}

/** Stamps `dist/`, so that `npm test` beside `npm run dev` needs no other build. */
function stampIfCurrent(root: string, sources: ts.SourceFile[]): void {
  const fingerprint = sourceFingerprint(root);
  if (sources.every(({ fileName, text }) => ts.sys.readFile(fileName) === text))
    stampBuild(root, fingerprint);
}
