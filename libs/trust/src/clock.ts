/** Returns the present as Unix time in milliseconds. Tests inject a clock of their own. */
export type Clock = () => number;

export const systemClock: Clock = () => Date.now();

/** Reads a clock as a NumericDate (RFC 7519 §2): seconds with a fraction. */
export const numericDate = (clock: Clock): number => clock() / 1000;
