/** The present as Unix time in milliseconds. Injected, so that tests own time. */
export type Clock = () => number;

export const systemClock: Clock = () => Date.now();

/** A clock's reading as a NumericDate (RFC 7519 §2), in seconds with a fraction. */
export const numericDate = (clock: Clock): number => clock() / 1000;
