import { describe, expect, it } from '@jest/globals';
import { services, type ServiceRow } from '../system/services.js';
import { systemPicture } from './system-picture.js';

const row = (name: string, portOffset: number, calls: string[] = []): ServiceRow => ({
  ...services.find(({ trust }) => trust === 'verifier')!,
  name,
  portOffset,
  calls,
});
const issuer = services.find(({ trust }) => trust === 'issuer')!;
const count = (text: string, part: string) => text.split(part).length - 1;

describe('the picture of the system', () => {
  const many = [
    row('orders', 1, ['inventory', 'gift-cards', 'parcels']),
    issuer,
    row('inventory', 2),
    row('gift-cards', 3, ['inventory']),
    row('parcels', 4),
  ];
  const picture = systemPicture(many);

  it('has a card with name, port and database for each service', () => {
    for (const { name, portOffset } of many) {
      expect(count(picture, `>${name}</text>`)).toBe(2);
      expect(picture).toContain(`>:${3000 + portOffset}</text>`);
    }
    expect([count(picture, '>SIGNS<'), count(picture, '>VERIFIES<'), count(picture, '>PostgreSQL<')]).toEqual(
      [1, 4, 5],
    );
  });

  it('has a line for each call, and the names of the called services', () => {
    expect(count(picture, 'class="line call"')).toBe(4);
    expect(picture).toContain('>calls inventory, gift-cards and 1 more for the client<');
    expect(picture).toContain('>calls inventory for the client<');
  });

  it('shows the issuer first, whatever the order of the table', () => {
    expect(picture.indexOf('>auth<')).toBeLessThan(picture.indexOf('>orders<'));
  });

  it('grows with the number of services, and can have none but the issuer', () => {
    const heightOf = (text: string) => Number(/ height="(\d+)" role/.exec(text)?.[1]);
    expect(heightOf(picture) - heightOf(systemPicture(many.slice(0, 4)))).toBe(140);
    expect(heightOf(systemPicture([issuer]))).toBeGreaterThan(150);
  });
});
