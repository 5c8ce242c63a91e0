/** `npm run generate`: writes every file of the repository that is made from code. */
import { writeGeneratedFiles } from './generated-files.js';

await writeGeneratedFiles();
