/** Says what failed, and why: `fetch` puts the reason into `cause`. */
export function messageOf(error: unknown): string {
  const { message, cause } = error as Error & { cause?: { message?: unknown } };
  return typeof cause?.message === 'string' ? `${message} (${cause.message})` : message;
}

/**
 * Says what failed with NATS. The subject for a reply has a random part. Without it, a fault that repeats has the same
 * text, so that it is logged once.
 */
export function natsMessageOf(error: unknown): string {
  return messageOf(error).replace(/\b(_INBOX[\w-]*)\.[^\s"]+/g, '$1.>');
}
