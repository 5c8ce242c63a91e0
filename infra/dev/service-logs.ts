import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { styleText } from 'node:util';
import pinoPretty from 'pino-pretty';

const everyMs = 100;
const colours = ['cyan', 'magenta', 'yellow', 'green', 'blue'] as const;

/** Makes a function that formats an entry of a service's log for a terminal. Each line begins with the service. */
export function logFormat(
  services: readonly string[],
  colour: boolean,
): (service: string, entry: string) => string {
  const pretty = pinoPretty.prettyFactory({
    colorize: colour,
    ignore: 'pid,hostname,service',
    translateTime: 'SYS:HH:MM:ss.l',
    singleLine: true,
  });
  const width = Math.max(...services.map((name) => name.length));
  return (service, entry) => {
    const name = service.padEnd(width);
    const style = colours[services.indexOf(service) % colours.length];
    const prefix = colour && style !== undefined ? styleText(style, name, { validateStream: false }) : name;
    return pretty(entry)
      .trimEnd()
      .split('\n')
      .map((line) => `${prefix} | ${line}`)
      .join('\n');
  };
}

/**
 * Reads what is added to a file from now on, and passes on each whole line. The file need not exist yet. The returned
 * function reads once more, then ends it.
 */
export function followFile(file: string, onLine: (line: string) => void): () => void {
  let position = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  let rest = Buffer.alloc(0);
  const read = () => {
    const added = readFrom(file, position);
    position += added.length;
    const all = Buffer.concat([rest, added]);
    const end = all.lastIndexOf('\n') + 1;
    rest = all.subarray(end); // the beginning of a line, or of a character
    for (const line of all.subarray(0, end).toString('utf8').split('\n')) if (line !== '') onLine(line);
  };
  const timer = setInterval(read, everyMs).unref();
  return () => {
    clearInterval(timer);
    read();
  };
}

function readFrom(file: string, position: number): Buffer {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
  try {
    const added = Buffer.alloc(Math.max(0, fstatSync(descriptor).size - position));
    return added.subarray(0, readSync(descriptor, added, 0, added.length, position));
  } finally {
    closeSync(descriptor);
  }
}
