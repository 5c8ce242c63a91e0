/** The name of the project in all its forms, and how another name takes its place in a text. */
import ts from 'typescript';
import { camelName, upperName } from '../system/service-names.js';

export interface ProjectName {
  /** The `name` of package.json: lower-case words joined by dashes, such as `gift-cards`. */
  readonly name: string;
  /** The `title` of package.json, which sentences use: `Gift Cards`. */
  readonly title: string;
}

export interface Rename {
  readonly from: ProjectName;
  readonly to: ProjectName;
}

/** What a text around the name is: a sentence, an identifier of a program, or the path of a file. */
type Place = 'sentence' | 'identifier' | 'path';

/** Between two words of a title there may be a line end, also in a comment. */
const wordGap = String.raw`\s+(?:(?:\*|#|//)\s+)?`;

const forms = {
  title: ({ title }: ProjectName) => title,
  dashes: ({ name }: ProjectName) => name,
  underscores: ({ name }: ProjectName) => name.replaceAll('-', '_'),
  upper: ({ name }: ProjectName) => upperName(name),
  camel: ({ name }: ProjectName) => camelName(name),
  pascal: ({ name }: ProjectName) => capitalized(camelName(name)),
};

/** The title of a project that nobody gave one: `gift-cards` is `Gift Cards`. */
export function usualTitle(name: string): string {
  return name.split('-').map(capitalized).join(' ');
}

/** Every form of the name, in upper and in lower case. The longer of name and title comes first, because it may contain the other. */
export function patternOf({ name, title }: ProjectName): RegExp {
  const written = [title.split(' ').join(wordGap), name.split('-').join('[-_ ]?')];
  if (title.length < name.length) written.reverse();
  return new RegExp(written.join('|'), 'giu');
}

/** The same text with the new name. In a program, an identifier gets a form that is an identifier. */
export function renamedText(path: string, text: string, rename: Rename): string {
  if (!patternOf(rename.from).test(text)) return text;
  const identifiers = /\.(?:[cm]?[jt]s|tsx)$/.test(path) ? identifierRanges(path, text) : [];
  return replaced(text, rename, (offset) =>
    identifiers.some(({ pos, end }) => pos <= offset && offset < end) ? 'identifier' : 'sentence',
  );
}

/** The same path with the new name. */
export function renamedPath(path: string, rename: Rename): string {
  return replaced(path, rename, () => 'path');
}

function replaced(text: string, { from, to }: Rename, placeAt: (offset: number) => Place): string {
  return text.replace(patternOf(from), (found: string, offset: number) => {
    const before = text.slice(0, offset).slice(-1);
    const after = text.charAt(offset + found.length);
    return forms[formOf({ found, before, after, place: placeAt(offset) }, from)](to);
  });
}

interface Occurrence {
  readonly found: string;
  /** The characters beside it. Empty at the beginning and at the end of the text. */
  readonly before: string;
  readonly after: string;
  readonly place: Place;
}

function formOf({ found, before, after, place }: Occurrence, { title }: ProjectName): keyof typeof forms {
  const isUpper = found === found.toUpperCase();
  const touchesUnderscore = before === '_' || after === '_';
  // In Markdown, a capitalized word between underscores is emphasized: it is not a part of a longer name.
  const isPart = /[a-z\d$]/i.test(before + after) || (isUpper && touchesUnderscore);
  const asTitle = found.replace(new RegExp(wordGap, 'g'), ' ');
  if (place === 'sentence' && !isPart && asTitle === title) return 'title';
  if (isUpper) return 'upper';
  if (/^\p{Lu}/u.test(found)) return 'pascal';
  if (touchesUnderscore || found.includes('_')) return 'underscores';
  return place === 'identifier' || /[A-Z]/.test(found + after) ? 'camel' : 'dashes';
}

function identifierRanges(path: string, text: string): ts.TextRange[] {
  const ranges: ts.TextRange[] = [];
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest);
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) || ts.isPrivateIdentifier(node))
      ranges.push({ pos: node.getStart(file), end: node.end });
    ts.forEachChild(node, visit);
  };
  visit(file);
  return ranges;
}

function capitalized(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
