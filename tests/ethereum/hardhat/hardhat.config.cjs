const { TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD } = require("hardhat/builtin-tasks/task-names");
const { subtask } = require("hardhat/config");

// The compiler of the package `solc`: nothing is downloaded.
subtask(TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD, async () => ({
  compilerPath: require.resolve("solc/soljson.js"), isSolcJs: true, version: "0.8.37", longVersion: require("solc").version() }));

module.exports = {
  solidity: { version: "0.8.37", settings: { evmVersion: "cancun" } },
  networks: {
    chengxin: {
      url: process.env.CHENGXIN_URL,
      httpHeaders: { Authorization: `Bearer ${process.env.CHENGXIN_TOKEN}` },
      gasPrice: 0,  // what it works out itself is at least 1
      accounts: [process.env.SENDER_KEY],
    },
  },
};
