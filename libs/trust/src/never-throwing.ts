/** Makes a function of a program harmless: what it throws, or rejects with, goes to `tell`, by default to nobody. */
export function neverThrowing<T>(
  run: (value: T) => unknown,
  tell: (error: unknown) => void = () => undefined,
): (value: T) => void {
  return (value) => {
    try {
      // TypeScript accepts an async function where nothing is expected back.
      Promise.resolve(run(value)).catch(tell);
    } catch (error) {
      tell(error);
    }
  };
}
