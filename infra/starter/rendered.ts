import { camelName } from '../system/service-names.js';

/**
 * Puts names in the place of words of a template. A word such as `sample` also stands for `Sample`, and before a capital for
 * the beginning of an identifier: `sampleSettings`. With the name `gift-cards` they become `gift-cards`, `GiftCards` and
 * `giftCardsSettings`. Where two words fit, the longer one counts.
 */
export function rendered(text: string, names: Readonly<Record<string, string>>): string {
  const words = Object.keys(names).toSorted((a, b) => b.length - a.length);
  const forms = new RegExp(words.flatMap((word) => [word, capitalized(word)]).join('|'), 'g');
  return text.replace(forms, (found, at: number) => {
    const name = names[found];
    if (name === undefined) return pascalName(names[found.charAt(0).toLowerCase() + found.slice(1)]!);
    return /[A-Z]/.test(text.charAt(at + found.length)) ? camelName(name) : name;
  });
}

/** The name in the names of classes: `gift-cards` is `GiftCards`. */
export function pascalName(service: string): string {
  return capitalized(camelName(service));
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
