import { sign } from 'crypto';
import * as c from 'node:crypto';
export const x = [sign, c];
