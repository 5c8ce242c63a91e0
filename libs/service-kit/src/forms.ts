/** Reads forms (`application/x-www-form-urlencoded`, URL standard §5.1) without guessing. */
import { decodeUtf8 } from './strict-json.js';
import { ServiceError } from './service-error.js';

/** The parameters in their order: name and value. A name may come twice; the reader decides what that means. */
export type Form = readonly (readonly [name: string, value: string])[];

/**
 * Decodes a form. The decoder of the platform accepts a `%` without two digits, and makes U+FFFD of bytes that are not
 * UTF-8. Another reader may understand such a text differently, so it is refused.
 *
 * @throws ServiceError `malformed_body`
 */
export function decodeForm(bytes: Uint8Array): Form {
  try {
    const text = decodeUtf8(bytes);
    if (/%(?![0-9A-Fa-f]{2})/.test(text)) throw new TypeError('a percent sign without two digits');
    decodeURIComponent(text);
    return [...new URLSearchParams(text)];
  } catch (cause) {
    // The message of the cause does not quote the text.
    throw new ServiceError('malformed_body', { cause });
  }
}
