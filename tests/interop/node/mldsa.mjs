// Checks an ML-DSA-44 signature with @noble/post-quantum: node mldsa.mjs KEY MESSAGE SIGNATURE, each in hex.
import { ml_dsa44 } from "@noble/post-quantum/ml-dsa.js";

const [key, message, signature] = process.argv.slice(2).map((hex) => Uint8Array.from(Buffer.from(hex, "hex")));
if (!ml_dsa44.verify(signature, message, key)) throw new Error("the signature does not verify");
message[0] ^= 1;
if (ml_dsa44.verify(signature, message, key)) throw new Error("a signature over another message verifies");
