/**
 * `npm run dev`, with the options of `npm start`: runs the system, shows its logs, and restarts the services that import a
 * changed file. docs/develop.md explains it.
 */
import { join } from 'node:path';
import { developingFolder } from '../build-stamp.mjs';
import { tryClaim } from '../claims.mjs';
import { launch } from '../local/launcher.js';
import { projectRoot } from '../project.js';
import { Restarts } from './restarts.js';

const claim = tryClaim(join(projectRoot, developingFolder));
if (typeof claim === 'function') process.on('exit', claim);
await launch('npm run dev', process.argv.slice(2), (given) => new Restarts(given));
