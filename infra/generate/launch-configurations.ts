import { defaultPortBase, inspectorPort, type ServiceRow } from '../system/services.js';

const folder = '${workspaceFolder}';
const skipFiles = ['<node_internals>/**'];

/** Makes `.vscode/launch.json`: a debugger attaches to each service of `npm run dev`, or runs the spec that is open. */
export function launchConfigurations(rows: readonly ServiceRow[]): string {
  const attach = rows.map((row) => ({
    name: `${row.name}: attach`,
    type: 'node',
    request: 'attach',
    address: '127.0.0.1',
    port: inspectorPort(defaultPortBase, row),
    restart: true,
    localRoot: folder,
    outFiles: [`${folder}/dist/**/*.js`],
    skipFiles,
  }));
  const openSpec = {
    name: 'the open spec',
    type: 'node',
    request: 'launch',
    cwd: folder,
    runtimeArgs: ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'],
    program: `${folder}/node_modules/jest/bin/jest.js`,
    args: [
      '--config',
      'jest.config.mjs',
      '--runInBand',
      '--testTimeout=3600000',
      '--runTestsByPath',
      '${relativeFile}',
    ],
    console: 'integratedTerminal',
    skipFiles,
  };
  return JSON.stringify({ version: '0.2.0', configurations: [...attach, openSpec] });
}
