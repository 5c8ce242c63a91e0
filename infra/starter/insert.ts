import ts from 'typescript';
import { SetupError } from '../system/setup-error.js';

/** A text file of the repository: TypeScript or JSON. */
export interface SourceText {
  /** Relative to the root folder. */
  readonly path: string;
  readonly text: string;
}

/**
 * Adds an element at the end of an array, or a member at the end of an object. `names` leads to it: in TypeScript first
 * the name of a variable, then names of members. The result is not formatted.
 * @throws SetupError `bad_argument` if the file has no such array or object
 */
export function insertAtEnd(source: SourceText, names: readonly string[], added: string): string {
  const list = literalAt(source, names);
  const items = ts.isArrayLiteralExpression(list) ? list.elements : list.properties;
  const last = items.at(-1);
  const at = last === undefined ? list.end - 1 : last.end;
  return `${source.text.slice(0, at)}${last === undefined ? '' : ','}\n${added}${source.text.slice(at)}`;
}

/** The names of the members of an object. @throws SetupError `bad_argument` if the file has no such object */
export function memberNames(source: SourceText, names: readonly string[]): string[] {
  const list = literalAt(source, names);
  return ts.isObjectLiteralExpression(list) ? list.properties.flatMap((member) => nameOf(member) ?? []) : [];
}

type Literal = ts.ArrayLiteralExpression | ts.ObjectLiteralExpression;

function literalAt({ path, text }: SourceText, names: readonly string[]): Literal {
  const isJson = path.endsWith('.json');
  const [first = '', ...below] = names;
  let found = isJson
    ? ts.parseJsonText(path, text).statements[0]?.expression
    : variable(ts.createSourceFile(path, text, ts.ScriptTarget.Latest), first);
  for (const name of isJson ? names : below)
    found = found && ts.isObjectLiteralExpression(found) ? member(found, name) : undefined;
  if (found && (ts.isArrayLiteralExpression(found) || ts.isObjectLiteralExpression(found))) return found;
  throw new SetupError(
    'bad_argument',
    `${path} has no list named ${names.join('.')}. Add the service by hand: docs/add-a-service.md says how.`,
  );
}

function variable(file: ts.SourceFile, name: string): ts.Expression | undefined {
  return file.statements
    .filter(ts.isVariableStatement)
    .flatMap(({ declarationList }) => [...declarationList.declarations])
    .find((declaration) => ts.isIdentifier(declaration.name) && declaration.name.text === name)?.initializer;
}

function member(object: ts.ObjectLiteralExpression, name: string): ts.Expression | undefined {
  const found = object.properties.find((each) => nameOf(each) === name);
  return found && ts.isPropertyAssignment(found) ? found.initializer : undefined;
}

function nameOf({ name }: ts.ObjectLiteralElementLike): string | undefined {
  return name && (ts.isIdentifier(name) || ts.isStringLiteral(name)) ? name.text : undefined;
}
