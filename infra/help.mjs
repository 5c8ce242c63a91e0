/** `npm run help`: explains every command. */
import { commands, typed } from './commands.mjs';

const width = Math.max(
  ...Object.values(commands)
    .flatMap(Object.keys)
    .map((script) => typed(script).length),
);
const sections = Object.entries(commands).map(([group, scripts]) => {
  const lines = Object.entries(scripts).map(([script, text]) => `  ${typed(script).padEnd(width)}  ${text}`);
  return [group, ...lines].join('\n');
});
console.log(`${sections.join('\n\n')}\n\nOptions stand behind two dashes: npm start -- --port-base 4000`);
