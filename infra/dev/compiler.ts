/**
 * The compiler of `npm run dev`. It watches the sources and compiles what changes into `dist/`, as `npm run build` does.
 * A file with an error is not written: `dist/` keeps its last good version.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';
import { isBuilt, sourceFingerprint, stampBuild } from '../build-stamp.mjs';

/** The result of one compilation. Paths are relative to the root of the repository. */
export interface Compilation {
  /** The sources whose JavaScript has changed in `dist/`. A new comment counts, a new type does not. */
  changed: string[];
  /** The sources with errors. An error of the configuration belongs to `tsconfig.build.json`. */
  faulty: string[];
  /** All errors, for a terminal. Empty if there is none. */
  errors: string;
  /** Each program that was asked for, with the sources that it imports, directly or not, and itself. */
  imports: Record<string, string[]>;
}

/** What to watch. */
export interface CompilerOptions {
  root: string;
  /** Sources of programs whose imports are wanted, relative to the root. One that does not exist is left out. */
  programs: string[];
  colour: boolean;
  onCompiled: (compilation: Compilation) => void;
}

export const configFile = 'tsconfig.build.json';

/** Compiles now, and again whenever a source changes. The process runs until somebody ends it. */
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

  host.afterProgramCreate = (builder) => {
    const program = builder.getProgram();
    const sources = program
      .getSourceFiles()
      .filter((file) => !file.isDeclarationFile && !program.isSourceFileFromExternalLibrary(file));
    if (known === undefined && isBuilt(root)) for (const source of sources) written.add(source);

    const diagnostics = allErrors(builder);
    const faulty = new Set(diagnostics.map(({ file }) => file?.fileName ?? join(root, configFile)));
    const changed = sources.filter((source) => {
      if (written.has(source) || faulty.has(source.fileName)) return false;
      written.add(source);
      return write(program, source);
    });
    const names = sources.map(({ fileName }) => fileName);
    for (const name of known ?? []) if (!names.includes(name)) removeOutput(root, name);
    known = names;

    const shorten = (files: Iterable<string>) => [...files].map((file) => relative(root, file));
    onCompiled({
      changed: shorten(changed.map(({ fileName }) => fileName)),
      faulty: shorten(faulty),
      errors: format(root, diagnostics, colour),
      imports: Object.fromEntries(
        programs
          .filter((path) => names.includes(join(root, path)))
          .map((path) => [path, shorten(importsOf(program, join(root, path)))]),
      ),
    });
    if (faulty.size === 0) stampIfCurrent(root, sources);
  };
  ts.createWatchProgram(host);
}

function allErrors(builder: ts.SemanticDiagnosticsBuilderProgram): ts.Diagnostic[] {
  return [
    ...builder.getConfigFileParsingDiagnostics(),
    ...builder.getOptionsDiagnostics(),
    ...builder.getGlobalDiagnostics(),
    ...builder.getSyntacticDiagnostics(),
    ...builder.getSemanticDiagnostics(),
  ].filter(({ category }) => category === ts.DiagnosticCategory.Error);
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
 * The sources that a source imports, directly or not, and itself. The compiler's own `getAllDependencies` is not good
 * for this. It also follows `declare module '#trust/nest'` from one service to all others that have one.
 */
function importsOf(program: ts.Program, start: string): Set<string> {
  const options = program.getCompilerOptions();
  const cache = ts.createModuleResolutionCache(program.getCurrentDirectory(), (file) => file, options);
  const found = new Set([start]);
  for (const path of found) {
    const source = program.getSourceFile(path);
    const imports = ts.preProcessFile(source?.text ?? '', true, true).importedFiles;
    for (const { fileName: name } of imports) {
      if (!/^[.#]/.test(name)) continue; // a package
      const mode = source?.impliedNodeFormat;
      const { resolvedModule } = ts.resolveModuleName(name, path, options, ts.sys, cache, undefined, mode);
      if (resolvedModule) found.add(resolvedModule.resolvedFileName);
    }
  }
  return found;
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
