/** Which names a service may have, and the forms of a name in variables and in code. */

const longestName = 40;

/** Why a name is not free. Anything that the system makes for a service carries its name. */
const reserved: Readonly<Record<string, string>> = {
  ...all('a name of PostgreSQL', ['postgres', 'template0', 'template1', 'public', 'none']),
  ...all('a part of the system', ['nats', 'proxy', 'tour', 'tools', 'setup', 'databases', 'credentials']),
  ...all('a program of the system', ['successor', 'client-key']),
  ...all('the beginning of a setting that every service has', [
    'database',
    'resource',
    'issuer',
    'issuer-fetch',
  ]),
  trust: 'the NATS account of the issuer',
  web: 'the client id in the tokens of logins',
  localhost: 'the host name of every machine itself',
};

/** Says why a service cannot have this name, and what to change. Undefined if it can. */
export function nameFault(name: string): string | undefined {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name))
    return `"${name}" cannot be the name of a service. Expected: lower-case letters and digits, in groups joined by single dashes, such as gift-cards`;
  if (name.length > longestName)
    return `"${name}" is too long for a service: ${name.length} characters. Expected: at most ${longestName}`;
  if (Object.hasOwn(reserved, name))
    return `"${name}" is reserved: it is ${reserved[name]}. Choose another name`;
  // Containers, folders of secrets and host names of other services have these forms.
  if (/^(migrate|seed)-|-(owner|database)$/.test(name))
    return `"${name}" is reserved: migrate-*, seed-*, *-owner and *-database are names of parts of a service. Choose another name`;
  return undefined;
}

/** The name in variables and NATS accounts: `gift-cards` is `GIFT_CARDS`. */
export function upperName(service: string): string {
  return service.toUpperCase().replaceAll('-', '_');
}

/** The name in the identifiers of its code: `gift-cards` is `giftCards`. */
export function camelName(service: string): string {
  return service.replace(/-(.)/g, (_dash, letter: string) => letter.toUpperCase());
}

function all(reason: string, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, reason]));
}
