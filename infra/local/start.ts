/** `npm start [-- --port-base N] [--state-dir DIR] [--encrypt-tokens-for SERVICE] [--without SERVICE]`: runs the system. */
import { launch } from './launcher.js';

await launch('npm start', process.argv.slice(2));
