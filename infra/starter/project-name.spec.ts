import { describe, expect, it } from '@jest/globals';
import { patternOf, renamedPath, renamedText, usualTitle, type ProjectName } from './project-name.js';

const seal: ProjectName = { name: 'seal', title: 'Seal' };
const giftCards: ProjectName = { name: 'gift-cards', title: 'Gift Cards' };
const house: ProjectName = { name: 'house', title: 'The House' };

/** A text of each project that says the same, in each kind of file. */
const texts: readonly (readonly [string, string, Record<'seal' | 'giftCards' | 'house', string>])[] = [
  ['a sentence', 'README.md', { seal: 'Seal is.', giftCards: 'Gift Cards is.', house: 'The House is.' }],
  ['an emphasis', 'x.md', { seal: '_Seal_', giftCards: '_Gift Cards_', house: '_The House_' }],
  ['a folder', 'x.md', { seal: 'in `.seal/a`', giftCards: 'in `.gift-cards/a`', house: 'in `.house/a`' }],
  ['a variable', '.env', { seal: 'SEAL_A=1', giftCards: 'GIFT_CARDS_A=1', house: 'HOUSE_A=1' }],
  ['a column', 'x.sql', { seal: 'a.seal_id = 1', giftCards: 'a.gift_cards_id = 1', house: 'a.house_id = 1' }],
  ['a URI', 'x.md', { seal: 'urn:seal:claim', giftCards: 'urn:gift-cards:claim', house: 'urn:house:claim' }],
  [
    'a class in a comment',
    'x.ts',
    { seal: '// See SealGuard.', giftCards: '// See GiftCardsGuard.', house: '// See HouseGuard.' },
  ],
  ['a class', 'x.ts', { seal: 'class Seal {}', giftCards: 'class GiftCards {}', house: 'class House {}' }],
  [
    'a member',
    'x.ts',
    {
      seal: `a = { seal: 'seal', sealKeys: b.ofSeal };`,
      giftCards: `a = { giftCards: 'gift-cards', giftCardsKeys: b.ofGiftCards };`,
      house: `a = { house: 'house', houseKeys: b.ofHouse };`,
    },
  ],
  [
    'a constant',
    'x.mjs',
    { seal: 'const SEAL = 1;', giftCards: 'const GIFT_CARDS = 1;', house: 'const HOUSE = 1;' },
  ],
  [
    'a string with an expression',
    'x.ts',
    {
      seal: 'const a = `Seal ${seal.x}`;',
      giftCards: 'const a = `Gift Cards ${giftCards.x}`;',
      house: 'const a = `The House ${house.x}`;',
    },
  ],
];

describe.each(texts)('%s', (_what, path, of) => {
  it.each([
    [seal, of.seal, giftCards, of.giftCards],
    [giftCards, of.giftCards, seal, of.seal],
    [giftCards, of.giftCards, house, of.house],
    [house, of.house, giftCards, of.giftCards],
  ])('%j: %s', (from, before, to, after) => {
    expect(renamedText(path, before, { from, to })).toBe(after);
  });
});

it.each([
  ['apps/seal-web/SealGuard.ts', 'apps/gift-cards-web/GiftCardsGuard.ts'],
  ['docs/Seal.md', 'docs/GiftCards.md'],
])('the path %s gets the new name', (before, after) => {
  expect(renamedPath(before, { from: seal, to: giftCards })).toBe(after);
});

it.each([
  ['a line end', 'Gift\nCards', 'Seal'],
  ['a line end in a comment', '/**\n * Gift\n * Cards\n */', '/**\n * Seal\n */'],
])('%s within a title does not matter', (_what, before, after) => {
  expect(renamedText('x.ts', before, { from: giftCards, to: seal })).toBe(after);
});

it('a name that contains the old one does not get it twice', () => {
  const to = { name: 'seal-shop', title: 'Seal Shop' };
  const text = renamedText('x.md', 'Seal, .seal, SealGuard', { from: seal, to });
  expect(text).toBe('Seal Shop, .seal-shop, SealShopGuard');
  expect(renamedText('x.md', text, { from: to, to: seal })).toBe('Seal, .seal, SealGuard');
});

it.each([
  ['a title', { name: 'gift-cards', title: 'Gift' }, 'Gift: .gift-cards, GiftCardsGuard'],
  ['a name', { name: 'gift', title: 'Gift Cards' }, 'Gift Cards: .gift, GiftGuard'],
])('%s that is the beginning of the other is not taken for it', (_what, from, text) => {
  expect(renamedText('x.md', text, { from, to: seal })).toBe('Seal: .seal, SealGuard');
});

it('the form of a title in upper case counts as the title only where it stands alone', () => {
  const from = { name: 'abc', title: 'ABC' };
  expect(renamedText('x.md', 'ABC reads ABC_PORT', { from, to: house })).toBe('The House reads HOUSE_PORT');
});

it('each form is found', () => {
  const written = 'gift-cards gift_cards giftCards GiftCards GIFT_CARDS Gift Cards giftcards';
  expect(written.match(patternOf(giftCards))).toHaveLength(7);
});

it.each([
  ['seal', 'Seal'],
  ['gift-cards', 'Gift Cards'],
])('the usual title of %s is %s', (name, title) => {
  expect(usualTitle(name)).toBe(title);
});
