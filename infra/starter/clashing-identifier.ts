import ts from 'typescript';
import { rendered } from './rendered.js';

/**
 * An identifier that the template gets by a name, and that has another meaning already: as another identifier of the
 * template, as a word of TypeScript, or as a global one of JavaScript. Undefined if there is none.
 */
export function clashingIdentifier(
  texts: readonly string[],
  names: Readonly<Record<string, string>>,
): string | undefined {
  const before = new Set(texts.flatMap(identifiersOf));
  const kept = new Set([...before].filter((word) => rendered(word, names) === word));
  const own = [...before].filter((word) => !kept.has(word)).map((word) => rendered(word, names));
  return own.find(
    (word, index) =>
      kept.has(word) || isReservedWord(word) || word in globalThis || own.indexOf(word) !== index,
  );
}

function identifiersOf(text: string): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) found.push(node.text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('template.ts', text, ts.ScriptTarget.Latest));
  return found;
}

/** `class`, and also `await`, which cannot be a name in a module. */
function isReservedWord(word: string): boolean {
  const scanner = ts.createScanner(ts.ScriptTarget.Latest, true, ts.LanguageVariant.Standard, word);
  const token = scanner.scan();
  return (
    (token >= ts.SyntaxKind.FirstReservedWord && token <= ts.SyntaxKind.LastFutureReservedWord) ||
    token === ts.SyntaxKind.AwaitKeyword
  );
}
