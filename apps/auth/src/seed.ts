/**
 * Registers the first administrator and, with DEMO_DATA, the demo account. Passwords come from SEED_CREDENTIALS_FILE.
 * Registers the services as OAuth clients, with the public keys of SEED_CLIENT_FILES. It is safe to run again. A client
 * with a new key gets it beside its old ones.
 */
import { DataSource } from 'typeorm';
import { z } from 'zod';
import {
  createLogger,
  dataSourceOptions,
  defineSettings,
  secretFile,
  secretFiles,
  seedSettings,
  settingsOrExit,
} from '#service-kit/base';
import { Account } from './accounts/account.entity.js';
import { PasswordHasher } from './accounts/password-hasher.js';
import { SERVICE } from './config.js';
import { entities } from './database/index.js';
import { clientRegistrationText, jsonOf, registerClient } from './oauth/client-registration.js';
import type { Role } from './accounts/scopes.js';

const credentials = z.object({ email: z.email().toLowerCase(), password: z.string().min(20) });

const settings = settingsOrExit(
  defineSettings({
    ...seedSettings,
    seedCredentials: secretFile({
      doc: 'a JSON file {admin: {email, password}, demo: {email, password}}',
      schema: z
        .string()
        .transform(jsonOf)
        .pipe(z.object({ admin: credentials, demo: credentials })),
    }),
    seedClients: secretFiles({
      env: 'SEED_CLIENT_FILES',
      doc: 'JSON files, separated by commas, each with the public half of one client: {client_id, jwks: {keys}}',
      schema: clientRegistrationText,
      // A system without other services has no clients.
      default: [],
    }),
  }),
);

const hasher = new PasswordHasher(1);
const dataSource = await new DataSource(dataSourceOptions(settings, { entities })).initialize();
const accounts = dataSource.getRepository(Account);
const people: [keyof typeof settings.seedCredentials, Role[]][] = [['admin', ['admin']]];
if (settings.demoData) people.push(['demo', ['customer']]);
const seeded: string[] = [];
for (const [name, roles] of people) {
  const { email, password } = settings.seedCredentials[name];
  if (await accounts.existsBy({ email })) continue;
  await accounts.insert({
    email,
    passwordHash: await hasher.hash(password),
    roles,
    createdAt: new Date(),
    disabledAt: null,
  });
  seeded.push(email);
}
const addedKeys: string[] = [];
for (const registration of settings.seedClients)
  addedKeys.push(...(await registerClient(dataSource.manager, registration)));
await dataSource.destroy();
createLogger({ service: SERVICE, level: 'info' }).info({ accounts: seeded, clientKeys: addedKeys }, 'seeded');
