import { expect, it } from '@jest/globals';
import { rendered } from './rendered.js';

it.each([
  ['a name', `const SERVICE = 'sample';`, `const SERVICE = 'gift-cards';`],
  ['a class', 'new SampleModule()', 'new GiftCardsModule()'],
  ['a beginning of an identifier', 'sampleSettings', 'giftCardsSettings'],
  ['a second word', 'sample calls PartnerCallee at partnerUrl', 'gift-cards calls SampleCallee at sampleUrl'],
  ['a text that contains words', `@Scopes('sample:write')`, `@Scopes('partner:read')`],
])('a template is rendered: %s', (_what, text, expected) => {
  // No name is taken for a word, although `sample` and `partner` are both.
  const names = { sample: 'gift-cards', partner: 'sample', 'sample:write': 'partner:read' };
  expect(rendered(text, names)).toBe(expected);
});
