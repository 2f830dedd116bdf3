-- Configuration of CodeCompanion for Neovim, with an adapter that starts `coder acp`.
require("codecompanion").setup({
  interactions = { chat = { adapter = "coder" } },
  adapters = { acp = { coder = function()
    local helpers = require("codecompanion.adapters.acp.helpers")
    local files = { readTextFile = true, writeTextFile = true }
    return {
      name = "coder", formatted_name = "coder", type = "acp",
      roles = { llm = "assistant", user = "user" },
      commands = { default = { "coder", "acp" } },
      defaults = { mcpServers = {}, timeout = 20000 },
      parameters = {
        protocolVersion = 1,
        clientCapabilities = { fs = files },
        clientInfo = { name = "CodeCompanion.nvim", version = "1.0.0" },
      },
      handlers = {
        setup = function() return true end,
        auth = function() return true end,
        form_messages = function(self, messages, capabilities)
          return helpers.form_messages(self, messages, capabilities)
        end,
        on_exit = function() end,
      },
    }
  end } },
})
