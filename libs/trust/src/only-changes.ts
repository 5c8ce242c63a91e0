/**
 * Makes a function that hands a value to `tell` only if it is another one than the last time. So a fault that comes
 * again every second makes one line in the log, and its end makes another. It begins with undefined: no fault.
 */
export function onlyChanges<T>(tell: (value: T | undefined) => void): (value: T | undefined) => void {
  let last: T | undefined;
  return (value) => {
    if (value === last) return;
    last = value;
    tell(value);
  };
}
