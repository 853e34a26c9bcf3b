export { ChengxinSigner, chengxinProvider } from "./signer.js";
export { ChengxinContractFactory } from "./factory.js";
export { Account } from "./envelope.js";
