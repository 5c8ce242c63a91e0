/** The texts that a new migration consists of: its file, its place in `database/index.ts`, and what to mind. */
import { insertAtEnd, type SourceText } from '../starter/insert.js';
import type { SchemaChanges } from './schema-changes.js';

const longestName = 60;

/** The timestamp of the first migration of an app. The next ones count on from it. */
const firstTimestamp = 1_790_000_000_001;

/** The names of a new migration. */
export interface MigrationNames {
  /** Without `.ts`, such as `3-gifts`. */
  readonly file: string;
  readonly className: string;
}

/** Why a migration cannot have this name, and what to change. Undefined if it can. */
export function migrationNameFault(name: string, files: readonly string[]): string | undefined {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name) || name.length > longestName)
    return `"${name}" cannot be the name of a migration. Expected: at most ${longestName} lower-case letters and digits, in groups joined by single dashes, such as order-notes`;
  const same = files.find((file) => file.replace(/^\d+-/, '') === `${name}.ts`);
  return same && `There is a migration of this name: ${same}. Choose another name`;
}

/** Names the migration that follows these files and these classes. TypeORM sorts by the last 13 digits of a class name. */
export function nextMigration(
  name: string,
  files: readonly string[],
  classNames: readonly string[],
): MigrationNames {
  const number = 1 + Math.max(0, ...files.map((file) => Number.parseInt(file, 10) || 0));
  const timestamps = classNames.map((each) => Number(each.slice(-13)));
  const timestamp = timestamps.length === 0 ? firstTimestamp : Math.max(...timestamps) + 1;
  const pascal = name.replace(/(^|-)(.)/g, (_found, _dash, letter: string) => letter.toUpperCase());
  return { file: `${number}-${name}`, className: `${pascal}${timestamp}` };
}

/** The tables that these statements make. */
export function newTables(statements: readonly string[]): string[] {
  return statements.flatMap((sql) => /^CREATE TABLE ("[^"]+")/.exec(sql)?.[1] ?? []);
}

/** The source of the migration. It is not formatted. */
export function migrationSource(className: string, { up, down }: SchemaChanges): string {
  return `import type { MigrationInterface, QueryRunner } from 'typeorm';

export class ${className} implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    ${[...up.map(runs), ...rights(newTables(up))].join('\n    ')}
  }

  async down(runner: QueryRunner): Promise<void> {
    ${down.map(runs).join('\n    ')}
  }
}
`;
}

/** Adds the import and the entry of a migration to `database/index.ts`. The result is not formatted. */
export function registered(index: SourceText, { file, className }: MigrationNames): string {
  const text = insertAtEnd(index, ['migrations'], className);
  const line = `import { ${className} } from './migrations/${file}.js';\n`;
  const imports = [...text.matchAll(/^import [^;]*;\n/gm)];
  const last = imports.at(-1);
  const at = last === undefined ? 0 : last.index + last[0].length;
  return text.slice(0, at) + line + text.slice(at);
}

/** What a person must look at before the migration is released. */
export function cautions({ up }: SchemaChanges): string[] {
  const lines = up.flatMap((sql) => {
    if (/\bDROP (TABLE|COLUMN)\b/.test(sql)) return `This deletes data: ${sql}`;
    if (/^ALTER TABLE .* ADD "[^"]+" (?!.*\bDEFAULT\b).*NOT NULL/.test(sql))
      return `This fails if the table has rows. Give the column a default, or allow null first: ${sql}`;
    return [];
  });
  const tables = newTables(up);
  return tables.length === 0
    ? lines
    : [
        ...lines,
        `The service may read and add rows of ${tables.join(', ')}. If it must change or delete some, change the REVOKE.`,
      ];
}

function runs(sql: string): string {
  const escaped = laidOut(sql).replace(/[\\`]|\$(?=\{)/g, '\\$&');
  return `await runner.query(\`${escaped}\`);`;
}

/** Puts each column and each constraint of a CREATE TABLE on a line of its own. */
function laidOut(sql: string): string {
  if (!sql.startsWith('CREATE TABLE')) return sql;
  let depth = 0;
  const tokens = sql.match(/'(?:[^']|'')*'|"(?:[^"]|"")*"|[(),]\s*|[^'"(),]+/g) ?? [];
  const lines = tokens.map((token) => {
    const [sign = ''] = token;
    if (sign === ')') depth -= 1;
    if (sign === '(') depth += 1;
    if (sign === '(' && depth === 1) return '(\n        ';
    if (sign === ',' && depth === 1) return ',\n        ';
    return sign === ')' && depth === 0 ? '\n      )' : token;
  });
  return `\n      ${lines.join('')}`;
}

/** By default, the runtime role may do anything with the rows of a new table. */
function rights(tables: readonly string[]): string[] {
  if (tables.length === 0) return [];
  return [
    '// The role of the service has the name of the database. It may read and add rows. It may not change or delete them.',
    'const [{ runtime }] = (await runner.query(`SELECT quote_ident(current_database()) AS runtime`)) as [{ runtime: string }];',
    `await runner.query(\`REVOKE UPDATE, DELETE ON ${tables.join(', ')} FROM \${runtime}\`);`,
  ];
}
