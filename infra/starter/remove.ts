import ts from 'typescript';
import { SetupError } from '../system/setup-error.js';
import { listAt, nameOf, type SourceText } from './insert.js';

/** An element of an array, or a member of an object. */
export interface ListItem {
  /** The name of a member. Undefined for an element. */
  readonly name: string | undefined;
  /** The texts in an object, by the names of their members. */
  readonly texts: Readonly<Record<string, string>>;
}

/**
 * Removes elements of an array, or members of an object, with the comments before them. `names` leads to it, as in
 * `insertAtEnd`. The result is not formatted.
 * @throws SetupError `bad_argument` if the file has no such array or object
 */
export function removeFrom(
  source: SourceText,
  names: readonly string[],
  isGone: (item: ListItem) => boolean,
): string {
  const { text } = source;
  const { items, end } = listAt(source, names);
  const begin = items[0]?.pos;
  if (begin === undefined) return text;
  const kept = items.filter((item) => !isGone(describeItem(item)));
  const inside = kept.map((item) => text.slice(item.pos, item.end)).join(',');
  return `${text.slice(0, begin)}${inside}${text.slice(end - 1)}`;
}

/**
 * Removes the lines from each mark `#region NAME` to the mark `#endregion NAME`. The marks are in comments of any language.
 * @throws SetupError `bad_argument` if a region has no end
 */
export function withoutRegions({ path, text }: SourceText, name: string): string {
  const rest = text.replace(
    new RegExp(`^[^\\n]*#region ${name}\\b[\\s\\S]*?#endregion ${name}\\b[^\\n]*\\n`, 'gm'),
    '',
  );
  if (new RegExp(`#(end)?region ${name}\\b`).test(rest))
    throw new SetupError('bad_argument', `${path} has a region "${name}" without a begin or an end`);
  return rest;
}

function describeItem(item: ts.Node): ListItem {
  const name = ts.isObjectLiteralElementLike(item) ? nameOf(item) : undefined;
  const texts: Record<string, string> = {};
  for (const member of ts.isObjectLiteralExpression(item) ? item.properties : []) {
    const key = nameOf(member);
    if (key !== undefined && ts.isPropertyAssignment(member) && ts.isStringLiteral(member.initializer))
      texts[key] = member.initializer.text;
  }
  return { name, texts };
}
