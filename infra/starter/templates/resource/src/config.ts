/** The scopes around the template of a resource. A new resource gets those of its service. */
export const SERVICE = 'sample';

declare module '#trust/nest' {
  interface ScopeRegistry {
    'sample:field-notes:read': true;
    'sample:field-notes:write': true;
  }
}
