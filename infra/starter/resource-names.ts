/** Which names a resource may have. A name is a folder, a route, a table and an identifier, in one form or another. */

export interface ResourceNames {
  /** Of one: `gift-card`. */
  readonly name: string;
  /** Of several: `gift-cards`. It is the route, and the table `gift_cards`. */
  readonly plural: string;
}

/** So that no name of a constraint is longer than the 63 bytes of PostgreSQL. */
const longestName = 40;

/** Why a plural is not free. */
const reserved: Readonly<Record<string, string>> = {
  docs: 'the route of the documentation',
  health: 'the route of the health checks',
  metrics: 'the route of the metrics',
  trust: 'a route of every service',
  migrations: 'the table in which TypeORM keeps what has run',
};

/** The words that PostgreSQL takes for no table (PostgreSQL, appendix C). */
export const wordsOfSql: readonly string[] = `
  all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation column
  concurrently constraint create cross current_catalog current_date current_role current_schema current_time
  current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign freeze from
  full grant group having ilike in initially inner intersect into is isnull join lateral leading left like limit localtime
  localtimestamp natural not notnull null offset on only or order outer overlaps placing primary references returning right
  select session_user similar some symmetric system_user table tablesample then to trailing true union unique user using
  variadic verbose when where window with`
  .trim()
  .split(/\s+/);

/** The plural of most English names. */
export function pluralOf(name: string): string {
  if (/[^aeiou]y$/.test(name)) return `${name.slice(0, -1)}ies`;
  return /(s|x|z|ch|sh)$/.test(name) ? `${name}es` : `${name}s`;
}

/** Says why a resource cannot have these names, and what to change. Undefined if it can. */
export function resourceNameFault({ name, plural }: ResourceNames): string | undefined {
  const malformed = formFault(name) ?? formFault(plural);
  if (malformed !== undefined) return malformed;
  if (name === plural)
    return `"${plural}" cannot be both the name and the plural. Give another one with --plural`;
  const reason = Object.hasOwn(reserved, plural) ? reserved[plural] : sqlFault(snakeName(plural));
  return reason && `"${plural}" is reserved: it is ${reason}. Choose another name, or give another --plural`;
}

function formFault(name: string): string | undefined {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name))
    return `"${name}" cannot be the name of a resource. Expected: lower-case letters and digits, in groups joined by single dashes, such as gift-card`;
  return name.length > longestName
    ? `"${name}" is too long for a resource: ${name.length} characters. Expected: at most ${longestName}`
    : undefined;
}

function sqlFault(table: string): string | undefined {
  if (table.startsWith('pg_')) return 'a name for tables of PostgreSQL itself';
  return wordsOfSql.includes(table) ? 'a word of SQL' : undefined;
}

/** The name in SQL and in error codes: `gift-card` is `gift_card`. */
export function snakeName(name: string): string {
  return name.replaceAll('-', '_');
}

/** The name in a sentence: `gift-card` is `gift card`. */
export function spokenName(name: string): string {
  return name.replaceAll('-', ' ');
}
