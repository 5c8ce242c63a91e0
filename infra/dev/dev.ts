/**
 * `npm run dev`, with the options of `npm start`: runs the system, shows its logs, and restarts the services that import a
 * changed file. docs/develop.md explains it.
 */
import { launch } from '../local/launcher.js';
import { Restarts } from './restarts.js';

await launch('npm run dev', process.argv.slice(2), (given) => new Restarts(given));
