import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { JwsError } from './jws-error.js';
import { parseJsonObject } from './strict-json.js';

const parse = (text: string | Buffer) => parseJsonObject(Buffer.from(text as string), 'it');

describe('parseJsonObject', () => {
  test('reads every object that JSON.stringify writes', () => {
    const values = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ stringUnit: 'grapheme' }));
    fc.assert(
      fc.property(values, (value) => {
        const text = JSON.stringify(value);
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  test.each([
    ['at the top', '{"a":1,"b":2,"a":1}'],
    ['in an object inside', '{"x":{"a":1,"a":2}}'],
    ['in an object inside a list', '{"x":[1,{"y":[{"a":1,"a":2}]}]}'],
    ['after an object inside was closed', '{"a":{"b":1},"a":2}'],
    ['after a list was closed', '{"a":[{}],"a":2}'],
    ['one written with an escape', '{"iss":1,"\\u0069ss":2}'],
    ['one written with a short escape', '{"\\/":1,"/":2}'],
    ['with a quote in it', '{"a\\"":1,"a\\"":2}'],
    ['with a backslash at its end', '{"a\\\\":1,"a\\\\":2}'],
    ['with brackets in it', '{"}{":1,"}{":2}'],
    ['empty', '{"":1,"":2}'],
    ['__proto__', '{"__proto__":1,"__proto__":2}'],
    ['with white space before the colon', '{"a" :1,"a"\n\t\r :2}'],
    ['beside half of a surrogate pair', '{"x":"\\ud800","a":1,"a":2}'],
  ])('refuses a name twice: %s', (_where, text) => {
    expect(() => parse(text)).toThrow(new JwsError('malformed', 'it has a member name twice'));
  });

  test('finds a name that came twice wherever white space and values stand', () => {
    const space = fc.constantFrom('', '', '', ' ', '\n', '\t', '\r');
    const name = fc.constantFrom('a', 'b', ':', ':a', '', ' ', 'a"', '\\', '{', '__proto__', '1', 'ä');
    const { value } = fc.letrec<{ value: { text: string; repeats: boolean } }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        fc
          .constantFrom('1', '":"', '":a"', '"a\\":"', '""', 'null')
          .map((text) => ({ text, repeats: false })),
        fc.array(tie('value'), { maxLength: 3 }).map((values) => ({
          text: `[${values.map(({ text }) => text).join(',')}]`,
          repeats: values.some(({ repeats }) => repeats),
        })),
        fc
          .array(fc.record({ name, value: tie('value'), before: space, after: space }), { maxLength: 4 })
          .map((members) => ({
            text: `{${members.map((m) => `${m.before}${JSON.stringify(m.name)}${m.after}:${m.value.text}`).join(',')}}`,
            repeats:
              new Set(members.map((member) => member.name)).size < members.length ||
              members.some((member) => member.value.repeats),
          })),
      ),
    }));
    const counts = { repeats: 0, none: 0 };
    fc.assert(
      fc.property(fc.record({ name, inside: value, after: space }), ({ name, inside, after }) => {
        const text = `{${JSON.stringify(name)}${after}:${inside.text}}`;
        counts[inside.repeats ? 'repeats' : 'none'] += 1;
        if (inside.repeats) expect(() => parse(text)).toThrow('has a member name twice');
        else expect(parse(text)).toEqual(JSON.parse(text));
      }),
      { numRuns: 3_000 },
    );
    expect(Math.min(counts.repeats, counts.none)).toBeGreaterThan(100);
  });

  test.each([
    ['with few brackets', `{"x":"${'x'.repeat(2_000)}","a":1,"a":2}`],
    ['with many brackets', `{"x":[${Array(300).fill('{}').join(',')},"${'x'.repeat(2_000)}"],"a":1,"a":2}`],
    ['deep inside', `${'{"a":'.repeat(400)}{"b":1,"b":2}${'}'.repeat(400)}`],
  ])('refuses a name twice in a long text, %s', (_what, text) => {
    expect(() => parse(text)).toThrow(new JwsError('malformed', 'it has a member name twice'));
  });

  test.each([
    ['in two objects', '{"a":{"x":1},"b":{"x":1},"x":1}'],
    ['as a value', '{"a":"a","b":"a","c":["a","a"]}'],
    ['in a string that looks like members', '{"a":"\\"a\\":1","b":"{\\"a\\":1,\\"a\\":2}"}'],
    ['in another case', '{"a":1,"A":2}'],
  ])('accepts a name again: %s', (_where, text) => {
    expect(parse(text)).toEqual(JSON.parse(text));
  });

  test.each([
    ['as a value', '{"sub":"\\ud800"}'],
    ['as a name', '{"\\udfff":1}'],
    ['the wrong way round', '{"sub":"\\udc00\\ud800"}'],
    ['in a list inside', '{"roles":["ok","x\\ud83d"]}'],
    ['in capitals', '{"sub":"\\uD83D"}'],
    ['after a whole pair', '{"sub":"\\ud83d\\ude00\\ude00"}'],
  ])('refuses half of a surrogate pair (RFC 7493 §2.1): %s', (_where, text) => {
    expect(() => parse(text)).toThrow(new JwsError('malformed', 'it has half of a surrogate pair'));
  });

  test('accepts a whole surrogate pair, escaped or not', () => {
    expect(parse('{"a":"\\ud83d\\ude00","b":"😀"}')).toEqual({ a: '😀', b: '😀' });
    expect(parse('{"a":"a backslash: \\\\ud800"}')).toEqual({ a: 'a backslash: \\ud800' });
  });

  test.each([
    ['a byte order mark', Buffer.from('\ufeff{"a":1}')],
    ['a byte that UTF-8 never has', Buffer.from([...Buffer.from('{"a":"'), 0xff, ...Buffer.from('"}')])],
    [
      'an overlong form of a quote',
      Buffer.from([...Buffer.from('{"a":"'), 0xc0, 0xa2, ...Buffer.from('"}')]),
    ],
    ['a surrogate in UTF-8', Buffer.from([...Buffer.from('{"a":"'), 0xed, 0xa0, 0x80, ...Buffer.from('"}')])],
    ['a character cut short', Buffer.from([...Buffer.from('{"a":"'), 0xe2, 0x82, ...Buffer.from('"}')])],
    ['UTF-16', Buffer.from('{"a":1}', 'utf16le')],
    ['nothing', Buffer.alloc(0)],
    ['something after the object', Buffer.from('{"a":1} {}')],
    ['a comment', Buffer.from('{"a":1/**/}')],
    ['a comma too many', Buffer.from('{"a":1,}')],
    ['a line feed in a string', Buffer.from('{"a":"\n"}')],
    ['NaN', Buffer.from('{"a":NaN}')],
  ])('refuses %s', (_what, bytes) => {
    expect(() => parse(bytes)).toThrow(new JwsError('malformed', 'it is not JSON in UTF-8'));
  });

  test.each(['[]', 'null', '"text"', '1', 'true'])('refuses %s, which is no object', (text) => {
    expect(() => parse(text)).toThrow(new JwsError('malformed', 'it is not a JSON object'));
  });

  test('a refusal quotes nothing of the text, not even in its cause', () => {
    try {
      parse('{"secret-of-a-token"}');
      throw new Error('not refused');
    } catch (error) {
      expect(error).toBeInstanceOf(JwsError);
      expect((error as Error).cause).toBeUndefined();
      expect((error as Error).message).not.toContain('secret');
    }
  });

  test('depth costs no stack', () => {
    const depth = 100_000;
    expect(Object.keys(parse(`{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`))).toEqual(['a']);
  });

  test('__proto__ is a member like any other', () => {
    const value = parse('{"__proto__":{"iss":"x"}}');
    expect(value['iss']).toBeUndefined();
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });
});
