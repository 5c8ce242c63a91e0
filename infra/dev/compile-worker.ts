/** Runs the compiler in a thread of its own, so that `npm run dev` can print and restart while it works. */
import { parentPort, workerData } from 'node:worker_threads';
import { type CompilerOptions, watchSources } from './compiler.js';

watchSources({
  ...(workerData as Omit<CompilerOptions, 'onCompiled'>),
  onCompiled: (compilation) => parentPort?.postMessage(compilation),
});
