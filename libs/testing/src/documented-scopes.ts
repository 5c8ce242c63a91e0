interface Described {
  readonly paths: Record<string, Record<string, { readonly description?: string }>>;
}

/** Returns every scope that an OpenAPI document of a service names at a route, sorted. */
export function documentedScopes({ paths }: Described): string[] {
  const operations = Object.values(paths).flatMap((path) => Object.values(path));
  const sentences = operations.map(
    ({ description = '' }) => /Requires the scopes: ([^.]*)/.exec(description)?.[1] ?? '',
  );
  return [...new Set(sentences.join().match(/(?<=`)[^`, ]+(?=`)/g))].sort();
}
