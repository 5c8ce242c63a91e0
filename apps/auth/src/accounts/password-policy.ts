import { dictionary } from '@zxcvbn-ts/language-common';

/** Longest password in characters; SP 800-63B-4 §3.1.1.2 asks for at least 64. */
export const PASSWORD_MAX_LENGTH = 256;

/** What is repeated to make a password is as weak as itself up to this length, in UTF-16 units. */
const LONGEST_SHORT_UNIT = 8;

const common = new Set(dictionary['passwords-common']);

/** The form in which a password is judged and hashed (SP 800-63B-4 §3.1.1.2: NFKC, so every keyboard types the same). */
export const normalizePassword = (password: string): string => password.normalize('NFKC');

/**
 * Why a new password is not acceptable, or undefined if it is (SP 800-63B-4 §3.1.1.2): long enough, not a common
 * password, not one unit repeated, not made of the e-mail address. There are no rules about kinds of characters, and
 * passwords do not expire.
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
  // "password2026!!!" and "passwordpassword" are "password" to everyone who guesses.
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

/** The shortest text that gives `text` when it is repeated, the last time perhaps in part; `text` itself at worst. */
function unitOf(text: string): string {
  for (let length = 1; length < text.length; length += 1) {
    const unit = text.slice(0, length);
    if (unit.repeat(Math.ceil(text.length / length)).startsWith(text)) return unit;
  }
  return text;
}
