/** The files that are made from code. They have a file of their own, because the generators bring NestJS. */
export const generatedPaths = [
  'docker-compose.yml',
  'compose.tls.yml',
  'infra/compose/Caddyfile',
  'infra/compose/Caddyfile.tls',
  'docs/commands.md',
  'docs/config.md',
  'docs/going-live.md',
  'docs/package-api.md',
  'docs/security-events.md',
  'docs/system.svg',
  '.env.example',
  '.vscode/launch.json',
] as const;

export type GeneratedPath = (typeof generatedPaths)[number];
