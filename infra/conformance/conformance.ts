/**
 * `npm run conformance`: tests how any resource server judges access tokens, over HTTP. It is the issuer of the tokens, so it
 * needs nothing but the address of the target. With `--issuer` it examines an issuer. docs/conformance.md explains it.
 */
import { conformance } from './command.js';

process.exitCode = await conformance(process.argv.slice(2), console);
