const MAX_LENGTH = 200;

/**
 * Text of somebody else, for a terminal or a report: control characters, which a terminal would obey, are shown by their
 * code, and a long text is cut.
 */
export function printable(text: string): string {
  const cut = text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text;
  return cut.replace(
    /\p{Cc}/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
