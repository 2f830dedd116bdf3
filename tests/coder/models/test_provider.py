import pytest

from coder.base.errors import UsageError
from coder.models.providers import Provider, address, find_keyed_providers, find_provider, providers

CLOUD = Provider(
    name="cloud", url="https://${REGION}.example.com/${PROJECT}/v1", key_variables=("CLOUD_KEY",)
)
OWN = Provider(name="own", url="${OWN_ENDPOINT}/openai/v1", key_variables=("OWN_KEY",))


def test_an_address_is_filled_from_the_environment() -> None:
    assert address(CLOUD, {"REGION": "eu-1", "PROJECT": "p_7"}) == "https://eu-1.example.com/p_7/v1"
    assert address(OWN, {"OWN_ENDPOINT": "https://me.example/"}) == "https://me.example/openai/v1"


def test_a_part_of_an_address_that_is_not_set_is_named_by_its_variable() -> None:
    with pytest.raises(UsageError, match="Set PROJECT"):
        address(CLOUD, {"REGION": "eu-1", "PROJECT": "  "})


@pytest.mark.parametrize("region", ["evil.com/", "x@evil.com", "evil.com#", "a b", "evil.com:80", "é"])
def test_a_part_of_an_address_cannot_lead_to_another_host(region: str) -> None:
    with pytest.raises(UsageError, match=r"REGION can.t be part of the address"):
        address(CLOUD, {"REGION": region, "PROJECT": "p"})


def test_a_provider_is_known_by_the_catalogues_name_too() -> None:
    google = find_provider("google", providers())

    assert google is not None
    assert google.name == "gemini"


@pytest.mark.parametrize(
    "variable", ["GITHUB_TOKEN", "HF_TOKEN", "AWS_BEARER_TOKEN_BEDROCK", "AZURE_API_KEY"]
)
def test_a_key_that_is_set_for_other_purposes_chooses_no_model(variable: str) -> None:
    assert find_keyed_providers({variable: "planted-0123456789"}) == []


LISTED = (
    "openai azure anthropic gemini mistral deepseek groq together fireworks openrouter xai cerebras "
    "sambanova cohere perplexity nvidia huggingface github moonshot zhipu qwen minimax deepinfra nebius "
    "novita hyperbolic bedrock vertex ollama lmstudio llamacpp vllm sglang localai"
)


@pytest.mark.parametrize("name", LISTED.split())
def test_the_providers_that_people_use_are_known_without_the_catalogue(name: str) -> None:
    assert find_provider(name, providers()) is not None
