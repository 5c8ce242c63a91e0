/** Says what failed, and why: `fetch` puts the reason into `cause`. */
export function messageOf(error: unknown): string {
  const { message, cause } = error as Error & { cause?: { message?: unknown } };
  return typeof cause?.message === 'string' ? `${message} (${cause.message})` : message;
}
