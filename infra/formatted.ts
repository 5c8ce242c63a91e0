import { join } from 'node:path';
import { format, getFileInfo, resolveConfig } from 'prettier';
import { projectRoot } from './project.js';

/** Formats the text of a file of the repository with prettier, if prettier knows its language. */
export async function formatted(path: string, text: string): Promise<string> {
  const filepath = join(projectRoot, path);
  const { inferredParser } = await getFileInfo(filepath);
  if (inferredParser === null) return text;
  return format(text, { ...(await resolveConfig(filepath)), filepath });
}
