import { dictionary } from '@zxcvbn-ts/language-common';

/** The greatest length of a password in characters. SP 800-63B-4 §3.1.1.2 asks for at least 64. */
export const PASSWORD_MAX_LENGTH = 256;

/** A password that repeats a unit of up to this length counts as common. In UTF-16 units. */
const LONGEST_SHORT_UNIT = 8;

const common = new Set(dictionary['passwords-common']);

/**
 * The form in which a password is checked and hashed: NFKC, so that all keyboards give the same text (SP 800-63B-4
 * §3.1.1.2).
 */
export const normalizePassword = (password: string): string => password.normalize('NFKC');

/**
 * Returns why a new password is not acceptable, or undefined if it is acceptable (SP 800-63B-4 §3.1.1.2). It must be
 * long enough. It must not be a common password, a short unit repeated, or made of the e-mail address. There are no
 * rules about kinds of characters, and passwords do not expire.
 */
export function passwordFault(
  password: string,
  { email, minLength }: { email: string; minLength: number },
): string | undefined {
  const text = normalizePassword(password);
  const characters = [...text].length;
  if (characters < minLength) return `must have at least ${minLength} characters`;
  if (characters > PASSWORD_MAX_LENGTH) return `must have at most ${PASSWORD_MAX_LENGTH} characters`;
  const plain = text.toLowerCase();
  // "password2026!!!" and "passwordpassword" are as easy to guess as "password".
  const letters = plain.replace(/[^\p{L}]/gu, '');
  const unit = unitOf(plain);
  const isShortUnit = unit.length <= LONGEST_SHORT_UNIT && unit.length <= plain.length / 2;
  if (isShortUnit || [plain, unit, letters, unitOf(letters)].some((text) => common.has(text)))
    return 'is a common password';
  const [localPart = ''] = email.toLowerCase().split('@');
  const rest = plain.replaceAll(email.toLowerCase(), '').replaceAll(localPart, '');
  if (rest.length < minLength / 2) return 'is made of the e-mail address';
  return undefined;
}

/** The shortest unit that gives `text` when it is repeated. The last repetition may be cut. It can be `text` itself. */
function unitOf(text: string): string {
  for (let length = 1; length < text.length; length += 1) {
    const unit = text.slice(0, length);
    if (unit.repeat(Math.ceil(text.length / length)).startsWith(text)) return unit;
  }
  return text;
}
