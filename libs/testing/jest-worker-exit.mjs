/**
 * Loaded first into every process of a test run. Jest gives a worker 500 ms to end after its last spec. A worker has
 * nothing left to do then, but Node takes apart all the modules that its specs loaded, which takes longer on a busy
 * machine. `process.exit` leaves that to the operating system.
 */
if (process.argv[1]?.endsWith('/jest-worker/build/processChild.js')) {
  process.once('beforeExit', () => process.exit());
}
