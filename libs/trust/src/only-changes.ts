/**
 * Makes a function that passes a value to `tell` only if it differs from the last one. A fault that repeats every
 * second makes one line in the log, and its end makes another. The first value is compared with undefined, which means
 * no fault.
 */
export function onlyChanges<T>(tell: (value: T | undefined) => void): (value: T | undefined) => void {
  let last: T | undefined;
  return (value) => {
    if (value === last) return;
    last = value;
    tell(value);
  };
}
