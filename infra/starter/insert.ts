import ts from 'typescript';
import { SetupError } from '../system/setup-error.js';

/** A text file of the repository: TypeScript or JSON. */
export interface SourceText {
  /** Relative to the root folder. */
  readonly path: string;
  readonly text: string;
}

/**
 * Adds an element at the end of an array, or a member at the end of an object, an interface or a union. `names` leads to
 * it. In TypeScript, the first is the name of one of these, wherever it is in the file:
 *
 *   a variable    its value, or the first argument of the call that makes its value
 *   a method      what it returns
 *   a function    the first argument of a call of it, such as `Module.forRoot`
 *   an interface  its members
 *   a type        the members of its union
 *
 * Then come the names of members. An element of an array has the name that its member `name` says. The result is not
 * formatted.
 * @throws SetupError `bad_argument` if the file has no such list
 */
export function insertAtEnd(source: SourceText, names: readonly string[], added: string): string {
  const { items, end, separator } = listAt(source, names);
  const last = items.at(-1);
  if (last === undefined) return spliced(source.text, end - 1, `\n${added}`);
  return spliced(source.text, last.end, `${separator}\n${added}`);
}

/** Adds a member at the beginning of an object, so that a spread after it can replace it. Otherwise like {@link insertAtEnd}. */
export function insertAtStart(source: SourceText, names: readonly string[], added: string): string {
  const first = listAt(source, names).items[0];
  if (first === undefined) return insertAtEnd(source, names, added);
  return spliced(source.text, first.getStart(), `${added},\n`);
}

/** Imports a name from a module, if the file does not do it yet. It keeps the order of the alphabet. */
export function addImport(source: SourceText, name: string, from: string): string {
  const imports = parsed(source).statements.filter(ts.isImportDeclaration);
  const moduleOf = ({ moduleSpecifier }: ts.ImportDeclaration) => (moduleSpecifier as ts.StringLiteral).text;
  const names = imports.filter((each) => moduleOf(each) === from).flatMap(importedValues);
  if (names.some((each) => each.name.text === name)) return source.text;
  const last = names.at(-1);
  if (last !== undefined) {
    const next = names.find((each) => each.isTypeOnly || each.name.text > name);
    return next
      ? spliced(source.text, next.getStart(), `${name}, `)
      : spliced(source.text, last.end, `, ${name}`);
  }
  const added = `import { ${name} } from '${from}';`;
  const next = imports.find((each) => moduleOf(each).startsWith('.') && moduleOf(each) > from);
  if (next) return spliced(source.text, next.getStart(), `${added}\n`);
  return spliced(source.text, imports.at(-1)?.end ?? 0, `\n${added}`);
}

/** The names of the members of an object or an interface. @throws SetupError `bad_argument` if the file has none such */
export function memberNames(source: SourceText, names: readonly string[]): string[] {
  return listAt(source, names).items.flatMap((item) => nameOf(item) ?? []);
}

/** The texts in a list and in the lists inside it. @throws SetupError `bad_argument` if the file has no such list */
export function textsIn(source: SourceText, names: readonly string[]): string[] {
  const texts: string[] = [];
  const read = (node: ts.Node): void => {
    if (ts.isStringLiteral(node)) texts.push(node.text);
    else if (ts.isPropertyAssignment(node)) read(node.initializer);
    else ts.forEachChild(node, read);
  };
  listAt(source, names).items.forEach(read);
  return texts;
}

/** The elements of an array, or the members of an object or an interface. */
export interface List {
  readonly items: readonly ts.Node[];
  /** Where it ends, after its bracket. */
  readonly end: number;
  /** What stands between two items, if the items themselves do not have it. */
  readonly separator: string;
}

/** The list to which `names` leads, as in {@link insertAtEnd}. @throws SetupError `bad_argument` if there is none */
export function listAt(source: SourceText, names: readonly string[]): List {
  const [first = '', ...below] = names;
  const isJson = source.path.endsWith('.json');
  let found: ts.Node | undefined = isJson
    ? ts.parseJsonText(source.path, source.text).statements[0]?.expression
    : firstOf(parsed(source), (node) => named(node, first));
  for (const name of isJson ? names : below) found = found && memberOf(found, name);
  if (found && ts.isInterfaceDeclaration(found))
    return { items: found.members, end: found.end, separator: '' };
  if (found && ts.isTypeAliasDeclaration(found)) {
    const { type } = found;
    return { items: ts.isUnionTypeNode(type) ? type.types : [type], end: type.end, separator: ' |' };
  }
  if (found && ts.isArrayLiteralExpression(found))
    return { items: found.elements, end: found.end, separator: ',' };
  if (found && ts.isObjectLiteralExpression(found))
    return { items: found.properties, end: found.end, separator: ',' };
  throw new SetupError(
    'bad_argument',
    `${source.path} has no list named ${names.join('.')}. Make the change by hand: docs/add-a-service.md says how.`,
  );
}

/** What a declaration or a call with this name leads to. */
function named(node: ts.Node, name: string): ts.Node | undefined {
  const isNamed = (each: ts.Node | undefined) => each && ts.isIdentifier(each) && each.text === name;
  if (ts.isVariableDeclaration(node) && isNamed(node.name)) {
    const { initializer } = node;
    return initializer && ts.isCallExpression(initializer) ? initializer.arguments[0] : initializer;
  }
  if (ts.isMethodDeclaration(node) && isNamed(node.name))
    return node.body?.statements.find(ts.isReturnStatement)?.expression;
  if ((ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) && isNamed(node.name)) return node;
  if (ts.isCallExpression(node) && node.expression.getText() === name) return node.arguments[0];
  return undefined;
}

/** The first result for a node of the tree, in the order of the text. */
function firstOf(tree: ts.Node, read: (node: ts.Node) => ts.Node | undefined): ts.Node | undefined {
  return read(tree) ?? ts.forEachChild(tree, (child) => firstOf(child, read));
}

function memberOf(list: ts.Node, name: string): ts.Node | undefined {
  if (ts.isArrayLiteralExpression(list))
    return list.elements.find((each) => {
      const called = memberOf(each, 'name');
      return called && ts.isStringLiteral(called) && called.text === name;
    });
  if (!ts.isObjectLiteralExpression(list)) return undefined;
  const found = list.properties.find((each) => nameOf(each) === name);
  return found && ts.isPropertyAssignment(found) ? found.initializer : undefined;
}

/** The name of a member. */
export function nameOf(node: ts.Node): string | undefined {
  const { name } = node as ts.NamedDeclaration;
  return name && (ts.isIdentifier(name) || ts.isStringLiteral(name)) ? name.text : undefined;
}

/** The names of an import. Nothing of `import type`, to which no value can be added. */
function importedValues({ importClause }: ts.ImportDeclaration): readonly ts.ImportSpecifier[] {
  if (importClause?.isTypeOnly) return [];
  const bindings = importClause?.namedBindings;
  return bindings && ts.isNamedImports(bindings) ? bindings.elements : [];
}

function parsed({ path, text }: SourceText): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
}

function spliced(text: string, at: number, added: string): string {
  return `${text.slice(0, at)}${added}${text.slice(at)}`;
}
