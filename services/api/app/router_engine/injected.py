"""What clients put around a user's words: names of their blocks and beginnings of their turns, with the client and the reason. Data alone.

Seen in what the clients of November 2026 send. A name that is missing costs a little routing quality, a wrong one a little more:
only what a client writes by itself belongs here, never a form that people use to ask.
"""

from typing import Final

from msgspec import Struct


class Blocks(Struct, frozen=True):
    """`<name ...>...</name>` is left out with all that is in it, wherever it stands in a turn. The case of `names` counts."""

    names: tuple[str, ...]
    client: str
    reason: str


class Opening(Struct, frozen=True):
    """A turn's part that begins so is left out up to the end of the line that `until` begins ("" = it is left out whole)."""

    start: str
    until: str
    client: str
    reason: str


BLOCKS: Final = (
    Blocks(("system-reminder", "env", "new-diagnostics"), "Claude Code", "standing orders, repeated in turns and in tool results"),
    Blocks(
        ("ide_opened_file", "ide_selection", "ide_diagnostics", "post-tool-use-hook", "user-prompt-submit-hook"),
        "Claude Code",
        "what happens to be open in the editor; what hooks print",
    ),
    Blocks(
        ("local-command-stdout", "local-command-stderr", "local-command-caveat", "bash-stdout", "bash-stderr"),
        "Claude Code",
        "output of commands that the user ran beside the conversation",
    ),
    Blocks(("command-name", "command-message", "task-notification"), "Claude Code", "names of commands and of finished tasks"),
    Blocks(("environment_context", "user_instructions", "INSTRUCTIONS"), "Codex", "folder, shell and AGENTS.md, before the first turn"),
    Blocks(
        (
            "permissions instructions",
            "collaboration_mode",
            "personality_spec",
            "skills_instructions",
            "apps_instructions",
            "plugins_instructions",
            "recommended_plugins",
            "multi_agent_role",
            "multi_agent_mode",
            "token_budget",
            "model_switch",
        ),
        "Codex",
        "standing orders as turns of their own",
    ),
    Blocks(
        ("codex_internal_context", "goal_context", "subagent_notification", "turn_aborted", "in-app-browser-context", "skill"),
        "Codex",
        "events of the session",
    ),
    Blocks(("environment_details",), "Cline, Roo Code, Kilo Code", "open tabs, folder, clock and cost, after every turn"),
    Blocks(
        ("file_content", "final_file_content", "folder_content", "url_content", "workspace_diagnostics", "terminal_output"),
        "Cline, Roo Code, Kilo Code",
        "the contents behind an @ mention",
    ),
    Blocks(("git_working_state", "git_commit", "explicit_instructions", "automatic_reminders"), "Cline, Roo Code, Kilo Code", "as above"),
    Blocks(
        ("additional_data", "open_and_recently_viewed_files", "user_info", "project_layout", "git_status", "attached_files"),
        "Cursor",
        "machine, folder and open files, before the question",
    ),
    Blocks(
        ("system_reminder", "agent_skills", "agent_transcripts", "mcp_file_system", "cursor_rules_context", "linter_errors"),
        "Cursor",
        "standing orders and findings of its own",
    ),
    Blocks(("rules", "user_rules", "always_applied_workspace_rules", "code_selection", "image_files"), "Cursor", "as above"),
    Blocks(
        ("environment_info", "workspace_info", "editorContext", "reminderInstructions", "repoContext", "tasks", "reminder"),
        "GitHub Copilot",
        "editor, repository and reminders beside the request",
    ),
    Blocks(("attachments", "attachment", "context"), "GitHub Copilot, Zed, Open WebUI, Continue", "attached files and passages found"),
    Blocks(("files", "file", "attached_file", "documents", "document"), "many", "dumps of attached files"),
    Blocks(("editable", "readonly", "workspace_summary"), "Brokk", "dumps of the files of a workspace"),
)  # fmt: skip

WRAPPERS: Final = (
    "user_query",  # Cursor, Open WebUI
    "userRequest",  # GitHub Copilot
    "task",  # Cline, Roo Code: the first turn
    "feedback",  # Cline, Roo Code: what the user says to a tool's result
    "user_message",  # Roo Code: a turn in the middle of a task
    "answer",  # Cline, Roo Code: to a question of the model's
    "command-args",  # Claude Code: what the user wrote after a command
)
"""Tags around the very words of the user: the tags go, the words stay."""

OPENINGS: Final = (
    Opening("# Context from my IDE setup:", "## My request", "Codex in an editor", "open tabs and the selection, then the request"),
    Opening("# Files mentioned by the user:", "## My request", "Codex", "paths, then the request"),
    Opening("# Files pasted by the user:", "## My request", "Codex", "paths, then the request"),
    Opening("# Browser comments:", "## My request", "Codex", "remarks on a page, then the request"),
    Opening("# In app browser:", "## My request", "Codex", "the page that is open, then the request"),
    Opening("# AGENTS.md instructions for ", "</INSTRUCTIONS>", "Codex", "AGENTS.md as a turn of its own"),
    Opening("Caveat: The messages below were generated by the user", "", "Claude Code", "before output of the user's commands"),
    Opening("[Request interrupted by user", "", "Claude Code", "a mark, not a request"),
    Opening("Base directory for this skill:", "", "Claude Code", "the text of a skill"),
    Opening("I have *added these files to the chat*", "", "aider", "contents of files as a turn of its own"),
    Opening("Here are summaries of some files present in my git repository", "", "aider", "the map of the repository"),
    Opening("Here are some READ ONLY files", "", "aider", "contents of files as a turn of its own"),
    Opening("I am not sharing any files that you can edit yet.", "", "aider", "a turn of its own"),
    Opening("I switched to a new code base.", "", "aider", "a turn after its examples"),
    Opening("[ERROR] You did not use a tool", "", "Cline, Roo Code, Kilo Code", "a complaint of the client's"),
    Opening("[TASK RESUMPTION]", "", "Cline, Roo Code, Kilo Code", "a note of the client's"),
    Opening("### Task:\nRespond to the user query using the provided context", "</context>", "Open WebUI", "a template around passages"),
)  # fmt: skip

RESULT_MARKS: Final = ("[", "] Result:")
"""Cline, Roo Code and Kilo Code without native tools tell a tool's result as a user's turn: `[read_file for 'x'] Result:`."""

ENDINGS: Final = ("# *SEARCH/REPLACE block* Rules:", "# File editing rules:")
"""From a line that begins so to the end of a turn: aider repeats its rules after the user's words."""

BOILERPLATE: Final = (
    "You are a helpful assistant.",
    "You are a helpful AI assistant.",
    "You are ChatGPT, a large language model",
)
"""System prompts that say nothing about what is asked, where nothing else follows."""
