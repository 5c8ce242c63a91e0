import { beforeEach, expect, it } from '@jest/globals';
import { Circuit, type Health } from './circuit.js';

let time: number;
let circuit: Circuit;
beforeEach(() => {
  time = 0;
  circuit = new Circuit({ failures: 3, openMs: 1_000, now: () => time });
});

const admitted = () => {
  const report = circuit.admit();
  if (typeof report === 'number') throw new Error(`refused for ${report} ms`);
  return report;
};
const requests = (...healths: Health[]) => healths.forEach((health) => admitted()(health));

it('opens after as many failures in a row as it is told, and then says how long it stays open', () => {
  requests('down', 'down', 'up', 'down', 'unknown', 'down');
  expect(circuit.state).toBe('closed');
  requests('down');
  expect([circuit.state, circuit.admit()]).toEqual(['open', 1_000]);
  time = 400;
  expect(circuit.admit()).toBe(600);
});

it('admits one probe at a time, and closes when it finds the callee up', () => {
  requests('down', 'down', 'down');
  time = 1_000;
  expect(circuit.state).toBe('half_open');
  const probe = admitted();
  expect(circuit.admit()).toBe(1_000);
  probe('up');
  expect(circuit.state).toBe('closed');
  requests('down', 'down');
  expect(circuit.state).toBe('closed');
});

it('stays open as long again when the probe fails', () => {
  requests('down', 'down', 'down');
  time = 1_000;
  requests('down');
  expect(circuit.admit()).toBe(1_000);
  time = 2_000;
  requests('up');
  expect(circuit.state).toBe('closed');
});

it('lets the next request probe when the probe found out nothing', () => {
  requests('down', 'down', 'down');
  time = 1_000;
  requests('unknown');
  expect(circuit.state).toBe('half_open');
  requests('up');
  expect(circuit.state).toBe('closed');
});

it('does not heed requests that began before it opened', () => {
  const [early, ...late] = [admitted(), admitted(), admitted(), admitted()];
  requests('down', 'down', 'down');
  early('up');
  expect(circuit.state).toBe('open');
  time = 900;
  late.forEach((report) => report('down'));
  expect(circuit.admit()).toBe(100);
});
