import { join } from 'node:path';
import ts from 'typescript';
import { projectRoot } from '../project.js';

/** The modules that a user imports, each with its source. */
export const entryPoints = {
  '.': 'libs/trust/src/package.ts',
  './http': 'libs/trust/src/hosts/http.ts',
  './express': 'libs/trust/src/hosts/express.ts',
  './fastify': 'libs/trust/src/hosts/fastify.ts',
  './adapters': 'libs/trust/src/adapters/index.ts',
  './nats': 'libs/trust/src/nats/index.ts',
  './nest': 'libs/trust/src/nest/index.ts',
  './nest/metrics': 'libs/trust/src/nest/trust-metrics.ts',
  './testing': 'libs/testing/src/package.ts',
} as const;

/**
 * Compiles what the entry points import, of our own code. Returns the texts of the modules and of their declarations, by
 * their path in the repository, such as `dist/libs/jws/src/index.d.ts`.
 *
 * @throws Error
 */
export function compileLibraries(): Record<string, string> {
  const options = compilerOptions({ declaration: true, noEmit: false, sourceMap: false });
  const program = ts.createProgram(
    Object.values(entryPoints).map((path) => join(projectRoot, path)),
    options,
  );
  const files: Record<string, string> = {};
  const { diagnostics } = program.emit(undefined, (path, text) => {
    files[path.slice(projectRoot.length + 1)] = text;
  });
  const faults = ts.sortAndDeduplicateDiagnostics([...ts.getPreEmitDiagnostics(program), ...diagnostics]);
  if (faults.length > 0) throw new Error(ts.formatDiagnostics(faults, formatHost));
  return files;
}

/** The options of tsconfig.json, with changes. `#aliases` are found by its `rootDir` and `outDir`. */
export function compilerOptions(changes: ts.CompilerOptions): ts.CompilerOptions {
  const { config } = ts.readConfigFile(join(projectRoot, 'tsconfig.json'), (path) =>
    ts.sys.readFile(path),
  ) as {
    config: object;
  };
  // Only the options: the list of all files is not needed.
  const { options } = ts.parseJsonConfigFileContent(
    { ...config, include: [], files: [] },
    ts.sys,
    projectRoot,
  );
  return { ...options, ...changes };
}

const formatHost: ts.FormatDiagnosticsHost = {
  getCurrentDirectory: () => projectRoot,
  getCanonicalFileName: (path) => path,
  getNewLine: () => '\n',
};
