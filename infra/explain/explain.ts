/**
 * `npm run explain < token`: judges a token as a service of the running system does, and shows the step that fails. The token
 * comes on standard input, so that it stays out of the history of the shell. The exit code is 0 if the token is accepted, 2 if
 * it is refused, and 1 if it could not be judged.
 */
import { join } from 'node:path';
import {
  defineSettings,
  loadSettings,
  natsSettings,
  trustSettings,
  verifierSettings,
} from '#service-kit/base';
import { openTrust } from '#trust';
import { connectNats } from '#trust/nats';
import { ownSettings } from '../local/own-settings.js';
import { readRunning } from '../local/state-dir.js';
import { planAddresses, planProgram } from '../local/system-plan.js';
import { projectRoot } from '../project.js';
import { runCommand } from '../run-command.js';
import { services, type ServiceRow } from '../system/services.js';
import { SetupError } from '../system/setup-error.js';
import { readArguments, type ExplainArguments } from './arguments.js';
import { explain } from './explanation.js';

/** What a service needs to judge tokens. */
const settingsOfVerifier = defineSettings({
  ...natsSettings,
  ...trustSettings,
  tokenDecryptionKey: verifierSettings.tokenDecryptionKey,
});
/** A verifier refuses more than 8 KiB. Here it shall say so itself. */
const maxInputBytes = 64 * 1024;

await runCommand(async () => {
  const given = readArguments(process.argv.slice(2));
  const token = await readToken();
  const row = serviceOf(given.audience ?? audienceIn(token));
  const { accepted, lines } = await judge(token, row, given);
  console.log(lines.join('\n'));
  return accepted ? 0 : 2;
});

/** Becomes one more verifier of the service for a moment. It says goodbye, so no rotation waits for it. */
async function judge(token: string, row: ServiceRow, { stateDir, scopes, actor }: ExplainArguments) {
  const running = readRunning(stateDir);
  if (!running)
    throw new SetupError(
      'not_ready',
      `No system runs with the state folder ${stateDir}. Start it in another terminal: npm start`,
    );
  const addresses = planAddresses(stateDir, running.portBase, services, 'development');
  const { env } = planProgram(row, 'main', join(projectRoot, 'dist/apps'), addresses, ownSettings());
  const settings = loadSettings(settingsOfVerifier, env);
  const link = connectNats({
    servers: settings.natsUrl,
    nkeySeed: settings.natsNkeySeed,
    service: row.name,
  });
  try {
    const trust = await openTrust({
      issuer: settings.issuer,
      issuerFetchUrl: settings.issuerFetchUrl,
      audience: row.name,
      anchors: settings.trustAnchorPublic,
      maxLifetimeSeconds: settings.maxTokenSeconds,
      decryptionKey: settings.tokenDecryptionKey,
      nats: link,
    });
    try {
      const { epoch, freshness } = trust.facts();
      console.log(`A verifier of ${row.name}, with statement ${epoch ?? 'none'} (${freshness}):\n`);
      return await explain(
        { token, scopes, actor, encrypted: settings.tokenDecryptionKey !== undefined },
        (sent, required) => trust.verify(sent, required),
      );
    } finally {
      await trust.close();
    }
  } finally {
    await link.close();
  }
}

/** Reads standard input. A final newline and a leading "Bearer " are left out. */
async function readToken(): Promise<string> {
  if (process.stdin.isTTY) console.error('Paste the token, then press Enter and Ctrl-D.');
  let text = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    text += chunk as string;
    if (text.length > maxInputBytes)
      throw new SetupError('bad_argument', `Standard input is longer than ${maxInputBytes} bytes`);
  }
  const token = text.trim().replace(/^bearer +/i, '');
  if (token === '') throw new SetupError('bad_argument', 'There is no token on standard input');
  return token;
}

/** What the token says, before anything is verified. */
function audienceIn(token: string): string {
  const problem = 'The token does not say which service it is for. Name one: --audience SERVICE';
  try {
    const { aud } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
      aud?: unknown;
    };
    if (typeof aud === 'string') return aud;
  } catch {
    // It is told below.
  }
  throw new SetupError('bad_argument', problem);
}

function serviceOf(audience: string): ServiceRow {
  const row = services.find(({ name }) => name === audience);
  if (row) return row;
  const names = services.map(({ name }) => name).join(', ');
  throw new SetupError(
    'bad_argument',
    `No service has the audience "${audience}". Expected one of: ${names}`,
  );
}
