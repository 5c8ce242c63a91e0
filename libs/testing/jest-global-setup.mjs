// Starts the one PostgreSQL that all specs of a run share; createTestDatabase gives each its own database in it.
// Jest does not transform global set-up files that are ES modules, so this one takes the build.
import { existsSync } from 'node:fs';

const built = new URL('../../dist/libs/testing/src/shared-servers.js', import.meta.url);

export default async function globalSetup() {
  if (!existsSync(built)) throw new Error('The tests need the build: run npm test, or npm run build first.');
  const { startSharedServers } = await import(built.href);
  globalThis.stopSharedServers = await startSharedServers();
}
