/** `npm run generate`: writes every file that is made from code. */
import { writeGeneratedFiles } from './generated-files.js';

await writeGeneratedFiles();
