/** More than an issuer has combinations of scopes. */
const MAX_SETS = 1_000;

/**
 * Makes a set of the scopes of a token (RFC 6749 §3.3). Tokens with the same `scope` share one set. To be called with
 * verified tokens only, so that nobody else decides what is kept.
 */
export function createScopeSets(): (scope: string | undefined) => ReadonlySet<string> {
  const sets = new Map<string, ReadonlySet<string>>();
  const none: ReadonlySet<string> = new Set();
  return (scope) => {
    if (scope === undefined) return none;
    const known = sets.get(scope);
    if (known) return known;
    const made = new Set(scope.split(' '));
    if (sets.size >= MAX_SETS) sets.clear();
    sets.set(scope, made);
    return made;
  };
}
